//! The second step of a start: the web configuration is read, and the sockets
//! are opened.

use super::super::errand::Errand;
use super::super::follower::Resource as _;
use super::super::privileges::{Privileges, binding};
use super::super::supervisor::Followers;
use super::super::web::WebConfig;
use super::{Ended, Start};
use crate::config::{Config, ListenAddress};
use crate::http::{self, GivenSocket};

impl Start<'_> {
    /// Reads the web configuration and opens the sockets, or takes those that
    /// the service manager opened.
    ///
    /// # Errors
    /// If the web configuration is wrong, an address cannot be used, or a
    /// signal ended the start.
    pub(in crate::daemon) fn listen(
        &mut self,
        config: &Config,
        privileges: &Privileges,
        followers: &mut Followers,
        given: Vec<GivenSocket>,
        addresses: Vec<ListenAddress>,
    ) -> Result<http::Server, Ended> {
        let web = WebConfig(config.web_config_file.clone());
        let reading = web.clone();
        let read = Errand::start("web-config", move |at| reading.open(at));
        let read = self.wait(read)??;
        read.log_warnings(self.log);
        followers.web.follow(web, WebConfig::files_of(&read), true);
        let own = privileges.clone();
        let bound = Errand::start("listen", move |place| {
            own.take_up(binding(&addresses));
            let sockets = addresses.iter().filter_map(ListenAddress::path);
            sockets.for_each(|path| place.enter(path));
            match given.is_empty() {
                true => http::Server::bind(&addresses),
                false => http::Server::take(given),
            }
        });
        let server = self.wait(bound)??;
        Ok(server.log_to(self.log.clone()).secure(read.security))
    }
}
