//! Turning snapshots into metric families.

pub mod published;
