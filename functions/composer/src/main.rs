//! The Lambda function of the composer.

fn main() {}
