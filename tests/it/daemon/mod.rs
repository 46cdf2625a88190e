//! The whole daemon over a machine in memory: everything but the kernel is
//! real, the configuration's files, the databases, the threads, the sockets.

mod api;
mod config_files;
mod connections;
mod crash;
mod database;
mod fake;
mod health;
mod history;
mod hosts;
mod interfaces;
mod kernel;
mod kills;
mod life;
mod log;
mod map;
mod networks;
mod news;
mod once;
mod parts;
mod patterns;
mod property;
mod ranges;
mod reload;
mod running;
mod series;
mod service;
mod state;
mod sums;
mod table;
mod tcp;
mod traffic;
mod web;
