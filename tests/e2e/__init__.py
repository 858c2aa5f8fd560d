"""The built template, deployed on an emulator of AWS on this machine; its functions behind Lambda's own interface."""
