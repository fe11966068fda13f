"""The unit files, installed as the package `syncd.units`; `syncd install-service` finds them there."""
