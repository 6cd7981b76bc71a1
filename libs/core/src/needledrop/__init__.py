"""The contract between Needledrop's services: small; no ORM, no model runtime, no business rules."""
