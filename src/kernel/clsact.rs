//! Attaches to kernels without TCX: as filters on the clsact qdisc of a device,
//! which is made if it is missing.
//!
//! A filter belongs to the device and not to the process. So ours are removed
//! one by one at the end; filters of a killed exporter are removed at the next
//! start, recognized by their name ([`super::owner`]); and filters of others
//! are only ever read. A process that cannot remove filters must not add any:
//! this needs CAP_NET_ADMIN to the end.

mod order;

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::Error;
use super::grace;
use super::interfaces::Interface;
use super::owner::{Name, Owner};
use super::tc::{self, Filter, Parent, Place, Tc};
use crate::accounting::Direction;

const DIRECTIONS: [Direction; 2] = [Direction::Received, Direction::Sent];

/// The number of attempts at a handle or a qdisc, which another process may
/// take or remove at the same moment.
const ATTEMPTS: usize = 8;

/// This process as one that attaches by clsact.
#[derive(Debug)]
pub(super) struct Clsact {
    owner: Owner,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    requests: Tc,
    notices: Vec<String>,
}

/// Both programs on one device. Dropping it detaches them.
#[derive(Debug)]
pub(super) struct Filters {
    clsact: Arc<Clsact>,
    name: Name,
    attached: Vec<Attached>,
}

#[derive(Clone, Copy, Debug)]
struct Attached {
    place: Place,
    /// The kernel's number of the program.
    program: u32,
}

impl Clsact {
    /// Prepares to attach in the calling thread's network namespace, and
    /// removes the filters of exporters that no longer run there.
    ///
    /// # Errors
    /// If the kernel refuses the sockets, or to list and remove filters.
    pub(super) fn open() -> Result<Arc<Self>, Error> {
        let opened = || io::Result::Ok((Owner::new()?, Tc::open()?));
        let (owner, mut requests) = opened()
            .map_err(|source| Error::call("attach over netlink", source))?;
        let mut notices = Vec::new();
        remove_leftovers(&mut requests, &mut notices).map_err(|source| {
            let action = "remove what an exporter left that was killed";
            Error::call(explained(action, &requests), source)
        })?;
        let state = Mutex::new(State { requests, notices });
        Ok(Arc::new(Self { owner, state }))
    }

    /// Attaches to both hooks of the device with this ifindex.
    ///
    /// # Errors
    /// If the kernel refuses, or has no clsact, or an ingress qdisc is in its
    /// place.
    pub(super) fn attach(
        self: &Arc<Self>,
        interface: &Interface,
        ingress: BorrowedFd<'_>,
        egress: BorrowedFd<'_>,
    ) -> Result<Filters, Error> {
        let mut state = self.state();
        let State { requests, notices } = &mut *state;
        let failed = |source: io::Error, requests: &Tc| {
            let name = &interface.name;
            let action = format!("attach to interface {name}");
            match source.raw_os_error() {
                Some(libc::ENOENT) => Error::NoHook { action },
                _ => Error::call(explained(&action, requests), source),
            }
        };
        let ifindex = interface.ifindex;
        let made = match provide_qdisc(requests, ifindex) {
            Ok(Some(made)) => made,
            Ok(None) => {
                return Err(Error::IngressQdisc { name: interface.name });
            }
            Err(error) => return Err(failed(error, requests)),
        };
        let name = Name { owner: self.owner.number(), made_qdisc: made };
        let mut filters =
            Filters { clsact: Arc::clone(self), name, attached: Vec::new() };
        let result = (|| {
            let hooks =
                DIRECTIONS.map(|direction| Parent { ifindex, direction });
            let mut others = Vec::new();
            for hook in hooks {
                others.push(requests.filters(hook)?);
            }
            filters.name.made_qdisc |= others
                .iter()
                .flatten()
                .any(|filter| ours(filter).is_some_and(|name| name.made_qdisc));
            for ((hook, others), program) in
                hooks.into_iter().zip(&others).zip([ingress, egress])
            {
                let order = order::find(others);
                notices.extend(order.notice(interface.name, hook.direction));
                let place = add(requests, hook, order, program, filters.name)?;
                let added = requests.filter(place)?;
                match added.and_then(|filter| filter.program) {
                    Some(program) => {
                        filters.attached.push(Attached { place, program });
                    }
                    // Another process removed the filter or the device.
                    None => return Err(errno(libc::ENODEV)),
                }
            }
            Ok(())
        })();
        if let Err(error) = result {
            let error = failed(error, requests);
            filters.remove(requests, made.then_some(ifindex), notices);
            return Err(error);
        }
        drop(state);
        Ok(filters)
    }

    /// Returns the notices since the last call.
    pub(super) fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.state().notices)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Filters {
    /// Returns whether both are still on the device that has the ifindex now.
    /// They are not if somebody removed one, and they end with the device, also
    /// if it moves to another network namespace.
    pub(super) fn are_attached(&self) -> bool {
        let requests = &mut self.clsact.state().requests;
        self.attached.len() == DIRECTIONS.len()
            && self.attached.iter().all(|attached| {
                attached.is_there(self.name, requests).unwrap_or(false)
            })
    }

    /// Removes the filters, and the qdisc if an exporter made it and no other
    /// filter uses it. `just_made` is the device whose qdisc was made a moment
    /// ago.
    fn remove(
        &mut self,
        requests: &mut Tc,
        just_made: Option<u32>,
        notices: &mut Vec<String>,
    ) {
        let mut removed = false;
        // One of our filters was there until now, so it is the same qdisc.
        let mut unused = just_made;
        for attached in std::mem::take(&mut self.attached) {
            let result = match attached.is_there(self.name, requests) {
                Ok(true) => requests.delete_filter(attached.place),
                // The filter is gone, or another's has its place.
                Ok(false) => continue,
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => {
                    removed = true;
                    if self.name.made_qdisc {
                        unused = Some(attached.place.hook.ifindex);
                    }
                }
                Err(error) if tc::is_absent(&error) => {}
                Err(error) => notices.push(format!(
                    "cannot detach from the device with ifindex {}: {error}; \
                     the next start tries again",
                    attached.place.hook.ifindex
                )),
            }
        }
        if removed {
            // If the wait fails, packets that are being counted now are still
            // counted long before the next poll.
            let _ = grace::wait();
        }
        if let Some(ifindex) = unused {
            let _ = remove_unused_qdisc(requests, ifindex);
        }
    }
}

impl Drop for Filters {
    fn drop(&mut self) {
        if self.attached.is_empty() {
            return;
        }
        let clsact = Arc::clone(&self.clsact);
        let State { requests, notices } = &mut *clsact.state();
        self.remove(requests, None, notices);
    }
}

impl Attached {
    fn is_there(&self, name: Name, requests: &mut Tc) -> io::Result<bool> {
        let found = requests.filter(self.place)?;
        Ok(found.is_some_and(|filter| {
            ours(&filter) == Some(name) && filter.program == Some(self.program)
        }))
    }
}

/// Makes a clsact qdisc if there is none, and returns whether it did; or
/// `None` if an ingress qdisc is in its place.
fn provide_qdisc(requests: &mut Tc, ifindex: u32) -> io::Result<Option<bool>> {
    for _ in 0..ATTEMPTS {
        if requests.create_clsact(ifindex)? {
            return Ok(Some(true));
        }
        match requests.qdisc_kind(ifindex)?.as_deref() {
            Some(tc::CLSACT) => return Ok(Some(false)),
            Some(_) => return Ok(None),
            // The qdisc was removed in the meantime.
            None => {}
        }
    }
    Err(errno(libc::EBUSY))
}

/// Puts a program on a hook, at a handle that is not taken.
fn add(
    requests: &mut Tc,
    hook: Parent,
    order: order::Order,
    program: BorrowedFd<'_>,
    name: Name,
) -> io::Result<Place> {
    let mut handle = order.handle;
    for _ in 0..ATTEMPTS {
        let place = Place { hook, priority: order.priority, handle };
        match requests.add_filter(place, program, &name.to_string()) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                handle += 1;
            }
            other => return other.map(|()| place),
        }
    }
    Err(errno(libc::EEXIST))
}

/// Removes a clsact qdisc that has no filters. The kernel cannot do both in one
/// step: a filter that another process adds in between is lost.
fn remove_unused_qdisc(requests: &mut Tc, ifindex: u32) -> io::Result<()> {
    for direction in DIRECTIONS {
        if !requests.filters(Parent { ifindex, direction })?.is_empty() {
            return Ok(());
        }
    }
    requests.delete_clsact(ifindex)
}

/// Removes the filters of exporters that no longer run, from all devices.
fn remove_leftovers(
    requests: &mut Tc,
    notices: &mut Vec<String>,
) -> io::Result<()> {
    let mut removed = 0_usize;
    for qdisc in requests.qdiscs()? {
        if qdisc.kind != tc::CLSACT {
            continue;
        }
        let mut made_qdisc = false;
        for direction in DIRECTIONS {
            let hook = Parent { ifindex: qdisc.ifindex, direction };
            for filter in requests.filters(hook)? {
                let Some(name) = ours(&filter) else { continue };
                // The number is held until the filter is gone.
                let Some(_place) = Owner::take(name.owner)? else { continue };
                let Filter { priority, handle, .. } = filter;
                match requests.delete_filter(Place { hook, priority, handle }) {
                    Ok(()) => removed += 1,
                    Err(error) if tc::is_absent(&error) => {}
                    Err(error) => return Err(error),
                }
                made_qdisc |= name.made_qdisc;
            }
        }
        if made_qdisc {
            match remove_unused_qdisc(requests, qdisc.ifindex) {
                Err(error) if !tc::is_absent(&error) => return Err(error),
                _ => {}
            }
        }
    }
    if removed > 0 {
        notices.push(format!(
            "removed {removed} programs that a killed exporter had left on \
             network interfaces"
        ));
    }
    Ok(())
}

/// Returns the name of a filter that is an exporter's.
fn ours(filter: &Filter) -> Option<Name> {
    let name = filter.name.as_deref()?.parse().ok()?;
    (filter.takes_bpf() && order::is_our_handle(filter.handle)).then_some(name)
}

/// Adds the kernel's reason in words.
fn explained(action: &str, requests: &Tc) -> String {
    match requests.reason() {
        Some(reason) => format!("{action} ({reason})"),
        None => action.to_owned(),
    }
}

fn errno(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}
