//! End-to-end tests: one file in `tests/` per user story; this library is empty.
