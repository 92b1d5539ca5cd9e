"""Many files in one run: inputs, outputs, the run itself and its report."""
