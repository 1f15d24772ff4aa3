//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at once, of all viewers; a page has a few.
const MOST: usize = 2048;
/// Of one address.
const MOST_OF_ONE: usize = 128;
/// Bits of an IPv6 address that are a network's: one machine has all that follow.
const NETWORK_BITS: u32 = 64;

type Taken = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// All places.
pub(crate) struct Places {
    all: Arc<Semaphore>,
    taken: Taken,
}

/// A connection's place; it is free when this is dropped.
pub(crate) struct Place {
    taken: Taken,
    address: IpAddr,
    _one_of_all: OwnedSemaphorePermit,
}

impl Places {
    /// As many as this process may have.
    pub fn new() -> Self {
        let files = getrlimit(Resource::Nofile).current;
        Self {
            all: Arc::new(Semaphore::new(most(files))),
            taken: Taken::default(),
        }
    }

    /// Waits until one is free.
    pub async fn free(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// Gives it to a connection from an address, unless that has too many. Programs on this machine
    /// may have all: what comes from there may be a proxy, which brings everybody's.
    pub fn take(&self, free: OwnedSemaphorePermit, from: IpAddr) -> Option<Place> {
        let address = one(from);
        let mut taken = lock(&self.taken);
        let count = taken.entry(address).or_default();
        if *count >= MOST_OF_ONE && !address.is_loopback() {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Place {
            taken: Arc::clone(&self.taken),
            address,
            _one_of_all: free,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

fn lock(taken: &Taken) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The other half of the files that the process may have open is for its shared memory, its reports
/// and the cameras that it tests.
fn most(files: Option<u64>) -> usize {
    let half = files.map_or(MOST, |files| usize::try_from(files / 2).unwrap_or(MOST));
    half.clamp(1, MOST)
}

/// What counts as one address.
fn one(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let network = address.to_bits() & (u128::MAX << NETWORK_BITS);
            Ipv6Addr::from_bits(network).into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(places: &Places, from: &str) -> Option<Place> {
        let free = futures::executor::block_on(places.free()).expect("a place");
        places.take(free, from.parse().expect("an address"))
    }

    #[test]
    fn one_address_does_not_have_all_places() {
        let places = Places {
            all: Arc::new(Semaphore::new(MOST)),
            taken: Taken::default(),
        };
        let mut of_one: Vec<_> = (0..MOST_OF_ONE)
            .map(|_| taken(&places, "192.0.2.1").expect("a place"))
            .collect();
        assert!(taken(&places, "192.0.2.1").is_none());
        assert!(taken(&places, "::ffff:192.0.2.1").is_none(), "the same");
        assert!(taken(&places, "192.0.2.2").is_some());
        of_one.pop();
        assert!(taken(&places, "192.0.2.1").is_some(), "one is free again");
        drop(of_one);
        assert!(
            lock(&places.taken).is_empty(),
            "nothing is kept of those that are gone"
        );
        assert_eq!(places.all.available_permits(), MOST);
        let _of_network: Vec<_> = (0..MOST_OF_ONE)
            .map(|number| taken(&places, &format!("2001:db8::{number:x}")).expect("a place"))
            .collect();
        assert!(taken(&places, "2001:db8::ffff").is_none());
        assert!(taken(&places, "2001:db8:0:1::1").is_some());
        let local: Vec<_> = (0..=MOST_OF_ONE).map(|_| taken(&places, "::1")).collect();
        assert!(local.iter().all(Option::is_some));
    }

    #[test]
    fn connections_leave_files_to_the_rest_of_the_process() {
        for (files, expected) in [
            (Some(1024), 512),
            (Some(256), 128),
            (Some(65536), MOST),
            (Some(u64::MAX), MOST),
            (None, MOST),
            (Some(0), 1),
        ] {
            assert_eq!(most(files), expected, "{files:?}");
        }
    }
}
