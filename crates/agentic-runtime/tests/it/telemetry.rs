//! The spans of runs, as a subscriber gets them.

mod capture;
mod export;
mod privacy;
mod resumed;
mod runs;
