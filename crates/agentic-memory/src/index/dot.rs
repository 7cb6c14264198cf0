//! Sums of products: what a search spends its time with.
//!
//! A processor with AVX2 multiplies bytes several times as fast, but a program that is built for every processor has to ask
//! for it while it runs, and calling code that was compiled for it is `unsafe`. This is the only place where it is done.
#![allow(unsafe_code)]

/// The sum of the products of as many bytes on both sides, from -127 to 127.
pub(super) fn bytes(one: &[i8], other: &[i8]) -> i32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function was compiled for; nothing else is asked of who calls it.
        return unsafe { bytes_avx2(one, other) };
    }
    bytes_anywhere(one, other)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn bytes_avx2(one: &[i8], other: &[i8]) -> i32 {
    use std::arch::x86_64::{
        __m256i, _mm256_abs_epi8, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_storeu_si256,
    };
    let ((ones, rest), (others, other_rest)) = (one.as_chunks::<32>(), other.as_chunks::<32>());
    let (mut sums, units) = (_mm256_setzero_si256(), _mm256_set1_epi16(1));
    for (one, other) in ones.iter().zip(others) {
        // SAFETY: both have 32 bytes, wherever these are.
        let (one, other): (__m256i, __m256i) =
            unsafe { (_mm256_loadu_si256(one.as_ptr().cast()), _mm256_loadu_si256(other.as_ptr().cast())) };
        // The instruction wants one side without signs: they go to the other side. Two products of 127 and 127 fit into 16
        // bits, and codes have no -128.
        let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(one), _mm256_sign_epi8(other, one));
        sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, units));
    }
    let mut lanes = [0_i32; 8];
    // SAFETY: there is room for 32 bytes.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums) };
    lanes.iter().sum::<i32>() + bytes_anywhere(rest, other_rest)
}

fn bytes_anywhere(one: &[i8], other: &[i8]) -> i32 {
    one.iter().zip(other).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

/// The sum of the products of numbers.
pub(super) fn floats(one: &[f32], other: &[f32]) -> f32 {
    sum(one, other, |number| number)
}

/// The sum of the products of bytes and numbers.
pub(super) fn mixed(one: &[i8], other: &[f32]) -> f32 {
    sum(one, other, f32::from)
}

fn sum<T: Copy>(one: &[T], other: &[f32], number: impl Fn(T) -> f32) -> f32 {
    // Several sums, so that they can be made side by side.
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    let ((ones, rest), (others, other_rest)) = (one.as_chunks::<LANES>(), other.as_chunks::<LANES>());
    for (a, b) in ones.iter().zip(others) {
        for lane in 0..LANES {
            sums[lane] += number(a[lane]) * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest.iter().zip(other_rest).map(|(a, b)| number(*a) * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_has_its_sum() {
        for length in [0, 1, 15, 16, 17, 31, 33, 384, 1_000] {
            let one: Vec<i8> = (0..length).map(|n| (n * 37 % 255 - 127) as i8).collect();
            let other: Vec<i8> = (0..length).map(|n| (n * 91 % 255 - 127) as i8).collect();
            let expected: i32 =
                (0..length as usize).map(|at| i32::from(one[at]) * i32::from(other[at])).sum();
            assert_eq!((bytes(&one, &other), bytes_anywhere(&one, &other)), (expected, expected));
            let floats_of = |bytes: &[i8]| bytes.iter().map(|byte| f32::from(*byte)).collect::<Vec<_>>();
            let sum = floats(&floats_of(&one), &floats_of(&other));
            assert!((sum - expected as f32).abs() <= expected.abs() as f32 * 1e-5 + 1.0, "{sum} {expected}");
            assert_eq!(mixed(&one, &floats_of(&other)), sum);
        }
        let most = vec![-127; 1 << 16];
        assert_eq!(
            bytes(&most, &most),
            127 * 127 * (1 << 16),
            "no sum is too large for vectors of this length"
        );
    }
}
