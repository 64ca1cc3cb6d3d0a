"""What chapters 01 to 04 write: one artefact per arrow of the flow, written by one chapter, read by the next.

::

    images, captions (01) -> speech (02) -> log-mel (03) -> embeddings (05) -> generator (06) -> scores (07)
            `-> teacher features (04) ----------^

Every writer keeps what is complete, so that a killed run goes on where it stopped, and replaces files atomically.
"""
