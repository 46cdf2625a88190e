//! News of network devices, as the rest of the program receives them.

use super::error::Error;
use super::netlink::InterfaceEvent;

/// Steers a source of news of network devices. Dropping it ends the news.
pub trait SteerNews: Send {
    /// Turns news of default routes on or off. They come only while no device
    /// is on a bus.
    fn want_default_routes(&self, are_wanted: bool);
}

/// A source of news of network devices.
pub trait FollowInterfaces: Send {
    /// Waits for news and returns them, oldest first, or `None` once no news is
    /// wanted any more. The first answer is a list of all devices and comes at
    /// once.
    ///
    /// # Errors
    /// If the news could not be read. The next call tries again, after a while.
    fn next(&mut self) -> Result<Option<Vec<InterfaceEvent>>, Error>;

    /// Returns true once, when IPsec was found on this host: from then on
    /// packets cost more, because the programs look for decrypted ones.
    fn found_ipsec(&mut self) -> bool;
}
