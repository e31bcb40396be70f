//! The program; it serves once the server is composed.

fn main() {}
