"""The run of all chapters: which of them runs with which parameters, started, watched and published from the command line."""
