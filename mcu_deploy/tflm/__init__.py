"""The runtime ``tflm``: TFLite Micro's interpreter in the firmware."""
