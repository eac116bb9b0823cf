"""From a checkpoint to a weights file: entropy tables, names, the model card."""
