"""The providers: one package each. They see `syncd`'s interfaces, never each other."""
