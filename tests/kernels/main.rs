//! What needs a stock kernel: kinds of devices that come as modules there and
//! that the kernels of build machines often lack. `make test-kernels` boots
//! Debian's kernels and runs this in them, with a part of the privileged tests.

#![expect(
    clippy::panic,
    clippy::print_stderr,
    reason = "a harness that cannot do its work fails the test, loudly"
)]

mod connections;
#[expect(
    dead_code,
    reason = "the privileged tests, whose harness it is, use all of it"
)]
#[path = "../privileged/harness/mod.rs"]
mod harness;
mod ipsec;
mod kinds;
mod links;
mod once;
mod protected;
mod relations;
mod start;
mod uplinks;
