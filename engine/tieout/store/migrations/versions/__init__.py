"""One file a version: v0001, v0002 ... Each step stands for itself and imports nothing of the house."""
