//! A device and its primary context.
#![expect(unsafe_code, reason = "calls the driver")]

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::CudaError;
use crate::presence::{device_count, missing};
use crate::result::check;
use crate::sys;

/// A device's primary context, retained until the last clone and everything made in it is dropped.
/// It is shared with other libraries of the process, such as TensorRT. Usable from any thread.
/// Threads that wait for the device sleep.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    ordinal: u32,
    device: sys::CUdevice,
    raw: sys::CUcontext,
    name: String,
    uuid: [u8; 16],
    compute_capability: (u32, u32),
    /// What failed where nothing could be returned.
    drop_errors: Mutex<Vec<CudaError>>,
}

/// Errors that are kept for [`Context::take_drop_errors`].
const MAX_DROP_ERRORS: usize = 16;

/// See [`allocations`].
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// How often this process has taken memory of a device, or pinned memory of the host, since it
/// began: buffers, pools, and what [`count_allocation`] was told of. What was freed stays counted,
/// so that a number that stands still says that nothing is allocated.
///
/// Mappings of other processes' pools are not counted, nor what the driver and TensorRT take by
/// themselves: modules, graphs, engines. A lane of `trt-infer` has buffers, which are.
#[must_use]
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// Counts memory of a device that another library has taken, such as a decoder of the chip.
pub fn count_allocation() {
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
}

// SAFETY: the handles are the process's, not a thread's; the driver synchronises its calls.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Context {
    /// The primary context of a device, numbered as `CUDA_VISIBLE_DEVICES` leaves them.
    ///
    /// # Errors
    /// [`CudaError::Missing`] where there is no CUDA; a device that is not there; the driver's.
    pub fn open(ordinal: u32) -> Result<Self, CudaError> {
        if let Some(line) = missing() {
            return Err(CudaError::Missing(line));
        }
        let count = device_count();
        let number = i32::try_from(ordinal).unwrap_or(i32::MAX);
        if ordinal >= count {
            return Err(CudaError::Argument {
                what: "CUDA device",
                found: ordinal.to_string(),
                expected: format!("a number below {count}"),
            });
        }
        let opening = || format!("open CUDA device {ordinal}");
        let mut device = 0;
        // SAFETY: `missing` has initialised the driver; the place is this function's own.
        let code = unsafe { sys::cuDeviceGet(&raw mut device, number) };
        check(code, opening)?;
        let mut name = [0; 128];
        let room = i32::try_from(name.len()).unwrap_or(0);
        // SAFETY: as above; the room is the array's length.
        let code = unsafe { sys::cuDeviceGetName(name.as_mut_ptr(), room, device) };
        check(code, opening)?;
        let name = name.iter().take_while(|&&byte| byte != 0);
        let name: Vec<u8> = name.map(|&byte| byte.cast_unsigned()).collect();
        let mut uuid = sys::CUuuid { bytes: [0; 16] };
        // SAFETY: as above.
        let code = unsafe { sys::cuDeviceGetUuid_v2(&raw mut uuid, device) };
        check(code, opening)?;
        use sys::CUdevice_attribute_enum as Attribute;
        let major = Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
        let minor = Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
        let compute_capability = (attribute(device, major)?, attribute(device, minor)?);
        // Threads sleep while they wait for the device: with one waiting thread per camera, those
        // that turn round instead would use up all cores.
        let flags = sys::CUctx_flags_enum::CU_CTX_SCHED_BLOCKING_SYNC as u32;
        // SAFETY: the device is one that the driver has named.
        let code = unsafe { sys::cuDevicePrimaryCtxSetFlags_v2(device, flags) };
        check(code, opening)?;
        let mut raw = std::ptr::null_mut();
        // SAFETY: as above; released when the last clone is dropped.
        let code = unsafe { sys::cuDevicePrimaryCtxRetain(&raw mut raw, device) };
        check(code, || format!("make a context on CUDA device {ordinal}"))?;
        Ok(Self(Arc::new(Inner {
            ordinal,
            device,
            raw,
            name: String::from_utf8_lossy(&name).into_owned(),
            uuid: uuid.bytes.map(i8::cast_unsigned),
            compute_capability,
            drop_errors: Mutex::default(),
        })))
    }

    /// Makes this the calling thread's current context. The functions of this crate do it
    /// themselves; other libraries' may need it.
    ///
    /// # Errors
    /// The driver's, such as a context that a kernel's fault has destroyed.
    pub fn bind(&self) -> Result<(), CudaError> {
        // SAFETY: the context is retained for as long as `self` lives.
        check(unsafe { sys::cuCtxSetCurrent(self.0.raw) }, || {
            format!("use the context of {self}")
        })
    }

    /// The device's number.
    #[must_use]
    pub fn ordinal(&self) -> u32 {
        self.0.ordinal
    }

    /// The device's name, such as `NVIDIA H200`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What tells this device from all others.
    #[must_use]
    pub fn uuid(&self) -> [u8; 16] {
        self.0.uuid
    }

    /// Major and minor compute capability.
    #[must_use]
    pub fn compute_capability(&self) -> (u32, u32) {
        self.0.compute_capability
    }

    /// Bytes of device memory: free, and in all.
    ///
    /// # Errors
    /// The driver's.
    pub fn memory(&self) -> Result<(usize, usize), CudaError> {
        self.bind()?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: the places are this function's own.
        let code = unsafe { sys::cuMemGetInfo_v2(&raw mut free, &raw mut total) };
        check(code, || format!("ask {self} for its free memory"))?;
        Ok((free, total))
    }

    /// The driver's handle, valid while a clone of this context lives.
    #[must_use]
    pub fn raw(&self) -> sys::CUcontext {
        self.0.raw
    }

    /// The driver's number of the device.
    #[must_use]
    pub fn raw_device(&self) -> sys::CUdevice {
        self.0.device
    }

    /// Takes the errors of what was dropped since the last call; 16 are kept.
    #[must_use]
    pub fn take_drop_errors(&self) -> Vec<CudaError> {
        let mut errors = self.0.drop_errors.lock();
        std::mem::take(errors.as_deref_mut().unwrap_or(&mut Vec::new()))
    }

    /// Keeps the error of a `drop`.
    pub(crate) fn dropped(&self, result: Result<(), CudaError>) {
        let Err(error) = result else { return };
        let mut errors = self
            .0
            .drop_errors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if errors.len() < MAX_DROP_ERRORS {
            errors.push(error);
        }
    }

    /// Waits for all work of all streams. An owner calls it before memory goes away that the driver
    /// takes away without waiting, and keeps the memory where this fails.
    pub(crate) fn finish(&self, what: &str) -> Result<(), CudaError> {
        self.bind()?;
        // SAFETY: takes nothing; the context is current.
        check(unsafe { sys::cuCtxSynchronize() }, || {
            format!("finish the work of {what}")
        })
    }

    /// The error of an allocation: out of memory says how much was wanted, for what, and was free.
    /// Counts the allocation where there is none.
    pub(crate) fn check_allocation(
        &self,
        code: sys::CUresult,
        what: &str,
        wanted_bytes: usize,
    ) -> Result<(), CudaError> {
        if code == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            let (free_bytes, total_bytes) = self.memory().unwrap_or_default();
            return Err(CudaError::OutOfMemory {
                what: what.to_owned(),
                wanted_bytes,
                free_bytes,
                total_bytes,
            });
        }
        check(code, || format!("allocate {wanted_bytes} bytes for {what}"))?;
        count_allocation();
        Ok(())
    }
}

fn attribute(device: sys::CUdevice, attribute: sys::CUdevice_attribute) -> Result<u32, CudaError> {
    let mut value = 0;
    // SAFETY: the device is one that the driver has named; the place is this function's own.
    let code = unsafe { sys::cuDeviceGetAttribute(&raw mut value, attribute, device) };
    check(code, || {
        format!("ask CUDA device {device} for {attribute:?}")
    })?;
    Ok(u32::try_from(value).unwrap_or(0))
}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: retained once in `open`. A failure has nobody left to be told to.
        unsafe { sys::cuDevicePrimaryCtxRelease_v2(self.device) };
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CUDA device {} ({})", self.0.ordinal, self.0.name)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({self})")
    }
}
