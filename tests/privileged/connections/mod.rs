//! TCP connections by country.

mod tools;
