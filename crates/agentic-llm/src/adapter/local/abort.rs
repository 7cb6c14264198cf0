//! Lets a running evaluation be aborted: the one place that needs `unsafe`.
//!
//! llama.cpp asks a callback between any two operations of a graph (milliseconds) whether to go on.
//! The safe binding has no setter for it, so the field is written through a pointer here.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_sys_2::llama_context_params;

// `LlamaContextParams` is a wrapper around exactly one `llama_context_params`. If both have one
// size and alignment, that field has no other place than offset 0.
const _: () = assert!(size_of::<LlamaContextParams>() == size_of::<llama_context_params>());
const _: () = assert!(align_of::<LlamaContextParams>() == align_of::<llama_context_params>());

/// A flag that aborts the running evaluation when raised.
#[derive(Debug, Clone, Default)]
pub(crate) struct AbortFlag(Arc<AtomicU8>);

const RAISED: u8 = 1;
const CLOSED: u8 = 2;

impl AbortFlag {
    /// Aborts the running evaluation.
    pub(crate) fn raise(&self) {
        self.0.fetch_or(RAISED, Ordering::SeqCst);
    }

    /// Lets the next evaluation run, unless the flag was closed.
    pub(crate) fn lower(&self) {
        self.0.fetch_and(!RAISED, Ordering::SeqCst);
    }

    /// Aborts the running evaluation and every later one.
    pub(crate) fn close(&self) {
        self.0.fetch_or(CLOSED, Ordering::SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::SeqCst) & CLOSED != 0
    }

    /// Makes contexts created from `params` stop evaluating while the flag is set.
    ///
    /// The flag is leaked (one byte and two counters a context), so that no context can outlive it.
    pub(crate) fn install(&self, params: &mut LlamaContextParams) {
        let data = Arc::into_raw(Arc::clone(&self.0));
        // SAFETY: by the assertions above `params` is layout-compatible with its only field, the
        // borrow is exclusive, and both fields are plain data. The callback gets the pointer to an
        // `AtomicU8` that is never freed, and may be called from any thread.
        unsafe {
            let raw = &mut *std::ptr::from_mut(params).cast::<llama_context_params>();
            raw.abort_callback = Some(is_raised);
            raw.abort_callback_data = data.cast_mut().cast::<c_void>();
        }
    }
}

/// llama.cpp's abort callback: `true` ends the evaluation.
unsafe extern "C" fn is_raised(data: *mut c_void) -> bool {
    // SAFETY: `data` is the pointer that `install` leaked: valid for ever, aligned, shared.
    let flag = unsafe { &*data.cast::<AtomicU8>() };
    flag.load(Ordering::SeqCst) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    #[test]
    fn the_wrapper_holds_its_field_at_offset_zero() {
        let mut params = LlamaContextParams::default().with_n_ctx(NonZeroU32::new(12_345)).with_n_ubatch(77);
        let flag = AbortFlag::default();
        flag.install(&mut params);
        assert_eq!(params.n_ctx(), NonZeroU32::new(12_345));
        assert_eq!(params.n_ubatch(), 77);
        // SAFETY: as in `install`.
        let raw = unsafe { &*std::ptr::from_ref(&params).cast::<llama_context_params>() };
        assert_eq!((raw.n_ctx, raw.n_ubatch), (12_345, 77));
        let callback = raw.abort_callback.expect("installed");
        for raised in [false, true] {
            if raised {
                flag.raise();
            }
            // SAFETY: the pair that `install` wrote.
            assert_eq!(unsafe { callback(raw.abort_callback_data) }, raised);
        }
    }
}
