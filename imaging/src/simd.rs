//! AVX2 chosen at run time. Kernels are plain safe loops; compiled a second time with AVX2 enabled, the compiler
//! vectorises the same loops with wider registers, so both paths give the same bytes.

use std::sync::atomic::{AtomicBool, Ordering};

/// A loop worth compiling twice. Implementations put `#[inline(always)]` on `run` and on what it calls, since only
/// what is inlined is compiled with the wider instructions.
pub(crate) trait Kernel {
    type Output;

    fn run(self) -> Self::Output;
}

static PORTABLE_ONLY: AtomicBool = AtomicBool::new(false);

/// Makes every kernel take the portable path from now on, on all threads: for tests that compare both and for
/// measuring. Results do not depend on it.
pub fn set_portable_only(portable: bool) {
    PORTABLE_ONLY.store(portable, Ordering::Relaxed);
}

/// Whether kernels run with AVX2 here.
pub fn uses_avx2() -> bool {
    !PORTABLE_ONLY.load(Ordering::Relaxed) && avx2::is_available()
}

/// Runs `kernel` on the fastest path that this processor has.
#[inline]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    if uses_avx2() {
        avx2::run(kernel)
    } else {
        kernel.run()
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "calling a function compiled for AVX2 is unsafe; the processor is asked first"
)]
mod avx2 {
    use super::Kernel;

    #[inline]
    pub(super) fn is_available() -> bool {
        std::arch::is_x86_feature_detected!("avx2")
    }

    #[inline]
    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        assert!(is_available());
        // SAFETY: the processor has AVX2, checked in the line above.
        unsafe { with_avx2(kernel) }
    }

    #[target_feature(enable = "avx2")]
    fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
        kernel.run()
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod avx2 {
    use super::Kernel;

    pub(super) fn is_available() -> bool {
        false
    }

    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run()
    }
}
