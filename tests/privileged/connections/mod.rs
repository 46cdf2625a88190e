//! TCP connections by country.

mod kernel_side;
mod pages;
mod states;
mod tools;
