"""A whole programme in virtual time: seeded people, the real services, the real vendor clients over HTTP."""
