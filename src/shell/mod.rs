//! What omg gives to shells. It runs no shell, and it completes nothing itself: the scripts ask `omg complete`.

pub mod completions;
