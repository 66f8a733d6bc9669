"""Networks that a test makes for itself out of namespaces, to cut and heal: real links, real silence, nobody else's."""
