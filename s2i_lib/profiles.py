"""The profiles: how large everything is. Values by section that are laid over the defaults of ``config``."""

from typing import Any

PROFILES: dict[str, dict[str, Any]] = {
    # Every code path in minutes; its numbers mean nothing and never reach results/.
    "smoke": {
        "data": {
            "num_classes": 20,
            "num_train_classes": 15,
            "images_per_train_class": 5,
            "images_per_test_class": 6,
            "images_for_classifier": 6,
            "spoken_captions": 1,
            "renditions": 1,
            "validation_share": 1 / 6,
        },
        "teacher": {"image_size": 96},
        "encoder": {"target_dim": 12, "rnn_dim": 64, "width": 8, "epochs": 3, "batch_size": 24},
        "gan": {"base_size": 8, "generator_width": 8, "discriminator_width": 8, "steps": 16, "batch_size": 16},
        "classifier": {"images": 96, "width": 8, "epochs": 2},
        "scores": {"captions": 8, "gallery_sentences": 2, "gallery_samples": 4, "inception_splits": 2},
    },
    # Two CPU cores, about an hour a data set. Few epochs: with the paper's loss the accuracy on unseen classes soon falls
    # while the training loss goes on falling, and a falling rate learns the training classes by heart sooner than averaged
    # weights do. No conditioning augmentation, which the paper does not mention: in so few steps its noise hides the sentence.
    # Narrow discriminators: wider ones soon tell every picture from a real one and then teach nothing about the sentence.
    "small": {
        "data": {"validation_share": 1 / 6},
        "encoder": {"epochs": 6, "learning_rate": 1.5e-3, "weight_decay": 1e-4, "ema_decay": 0.995},
        "gan": {
            "steps": 2000,
            "batch_size": 32,
            "generator_width": 64,
            "discriminator_width": 16,
            "augment_condition": False,
            "generator_learning_rate": 4e-4,
            "discriminator_learning_rate": 4e-4,
            "ema_decay": 0.995,
        },
        # ten times as many pictures as the classifier has features (128)
        "scores": {"captions": 2000},
    },
    # One GPU, hours: the network sizes of the paper on the rendered data.
    "large": {
        "data": {"images_per_train_class": 60, "images_per_test_class": 58, "spoken_captions": 10, "validation_share": 1 / 6},
        "encoder": {"width": 64, "rnn_dim": 1024, "epochs": 100},
        "gan": {"base_size": 64, "generator_width": 64, "discriminator_width": 64, "steps": 100_000},
        "classifier": {"images": 20_000, "width": 64, "epochs": 20},
        "scores": {"captions": 29_000},
    },
    # The paper's own data and schedule. Chapter 21 gives the source of every value, and a reason where the paper is silent.
    "paper": {
        "data": {"spoken_captions": 10},
        "teacher": {"name": "googlenet", "views": "whole", "image_size": 256, "power": 1.0},
        "encoder": {"width": 64, "rnn_dim": None, "target_dim": None, "weights": "paper", "epochs": 100, "one_caption": True},
        "gan": {"base_size": 64, "generator_width": 64, "discriminator_width": 64, "steps": 220_000},
        "classifier": {"network": "inception", "epochs": 10, "learning_rate": 1e-4},
        "scores": {"network": "inception", "captions": 29_330},
    },
}
