"""What is measured without a model: engines, pictures, clips. No model's error is below theirs."""
