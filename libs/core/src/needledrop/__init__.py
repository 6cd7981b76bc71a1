"""The contract between Needledrop's services: small, without an ORM, without a model runtime, without business rules."""
