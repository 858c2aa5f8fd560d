//! Answers one request with the merged responses of several services.
