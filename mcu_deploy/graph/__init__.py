"""The intermediate representation, the TFLite reader and writer, and the deployability checks."""
