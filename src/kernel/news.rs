//! News of network devices, as the rest of the program hears them.

use super::error::Error;
use super::netlink::InterfaceEvent;

/// Steers where news of network devices comes from. Dropping it ends the news.
pub trait SteerNews: Send {
    /// Has the news tell of default routes, where no device is on a bus, or no
    /// longer.
    fn want_default_routes(&self, are_wanted: bool);
}

/// Where news of network devices comes from.
pub trait FollowInterfaces: Send {
    /// Waits for something to happen and returns it, oldest first, or `None`
    /// once nobody wants to know any more. The first answer is a list of all
    /// devices and comes at once.
    ///
    /// # Errors
    /// If it could not be found out what happened. The next call tries
    /// again, after a while.
    fn next(&mut self) -> Result<Option<Vec<InterfaceEvent>>, Error>;

    /// Returns true once, when IPsec was found on this host: from then on
    /// packets cost more, because the programs look for decrypted ones.
    fn found_ipsec(&mut self) -> bool;
}
