"""mcu-deploy: int8 TFLite audio models to verified Cortex-M and Ethos-U firmware."""

__version__ = "0.1.0"
