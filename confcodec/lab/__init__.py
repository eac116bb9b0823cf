"""The laboratory: data, training, export, evaluation, benchmark."""
