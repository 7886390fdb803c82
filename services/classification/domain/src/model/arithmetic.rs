//! Arithmetic that gives the same bits on every machine: additions, multiplications and square roots in a stated order; `exp` is ours,
//! since each platform's own differs in the last digit.

/// e to the x, to about eight digits; 0 far below, and never infinite.
pub(crate) fn exp(x: f32) -> f32 {
    const LN_2: f64 = std::f64::consts::LN_2;
    let x = f64::from(x.clamp(-87.0, 87.0));
    let k = (x / LN_2).round();
    let r = x - k * LN_2;
    // |r| is at most 0.35, so the ninth term of the series is below 1e-10.
    let mut sum = 1.0;
    let mut term = 1.0;
    for n in 1..=9 {
        term = term * r / f64::from(n);
        sum += term;
    }
    let power = f64::from_bits(((1023 + k as i64) as u64) << 52);
    (sum * power) as f32
}

/// Turns scores into shares that sum to one.
pub(crate) fn softmax(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = exp(*score - most);
        sum += *score;
    }
    for score in scores.iter_mut() {
        *score /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_exp_is_the_exponential() {
        for i in -800..=800 {
            let x = i as f32 / 10.0;
            let right = f64::from(x).exp();
            assert!((f64::from(exp(x)) - right).abs() <= right * 1e-6, "{x}");
        }
    }

    #[test]
    fn shares_sum_to_one() {
        let mut scores = [1.0, -50.0, 3.0, 1000.0];
        softmax(&mut scores);
        assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6 && scores[3] > 0.99);
    }
}
