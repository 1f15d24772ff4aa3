//! The pools of this process, for its own consumers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::description::Nonce;
use super::shared::Shared;

type Pools = HashMap<Nonce, Weak<Shared>>;

static POOLS: Mutex<Option<Pools>> = Mutex::new(None);

fn pools() -> MutexGuard<'static, Option<Pools>> {
    POOLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes memory that was created here known, and forgets what is gone.
pub(super) fn add(nonce: Nonce, shared: &Arc<Shared>) {
    let mut pools = pools();
    let pools = pools.get_or_insert_default();
    pools.retain(|_, shared| shared.strong_count() > 0);
    pools.insert(nonce, Arc::downgrade(shared));
}

/// The memory with this nonce, while it lives.
pub(super) fn find(nonce: Nonce) -> Option<Arc<Shared>> {
    pools().as_ref()?.get(&nonce)?.upgrade()
}
