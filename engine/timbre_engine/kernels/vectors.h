/* Vectors of float32. `count` is a multiple of LANES for `dot`. */
#pragma once
#include <immintrin.h>
#include <math.h>

#define LANES 8

/* sin(x) = x + x^3 (THIRD + FIFTH x^2 + ...), fitted to [-pi / 2, pi / 2]. */
#define THIRD -1.6666667e-1f
#define FIFTH 8.3333300e-3f
#define SEVENTH -1.9840804e-4f
#define NINTH 2.7522620e-6f
#define ELEVENTH -2.3846694e-8f

static inline float sum8(__m256 value) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 1)));
}

static inline float max8(__m256 value) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_shuffle_ps(half, half, 1)));
}

static inline float dot(const float *left, const float *right, int count) {
    __m256 total = _mm256_setzero_ps();
    for (int i = 0; i < count; i += LANES)
        total = _mm256_fmadd_ps(_mm256_loadu_ps(left + i), _mm256_loadu_ps(right + i), total);
    return sum8(total);
}

static inline void add_scaled(float *to, float factor, const float *values, int count) {
    for (int i = 0; i < count; i++) to[i] += factor * values[i];
}

/* Cosines, within 2e-7. Between its extremes a cosine is a sine: x = (n + 1/2) pi + rest. */
static inline __m256 cos8(__m256 x) {
    const __m256 half = _mm256_set1_ps(0.5f);
    const __m256 whole = _mm256_round_ps(
        _mm256_fmsub_ps(x, _mm256_set1_ps((float)M_1_PI), half), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m256 turns = _mm256_add_ps(whole, half);
    const float high = (float)M_PI;
    __m256 rest = _mm256_fnmadd_ps(turns, _mm256_set1_ps(high), x);
    rest = _mm256_fnmadd_ps(turns, _mm256_set1_ps((float)(M_PI - high)), rest);
    const __m256 square = _mm256_mul_ps(rest, rest);
    __m256 series = _mm256_set1_ps(ELEVENTH);
    series = _mm256_fmadd_ps(series, square, _mm256_set1_ps(NINTH));
    series = _mm256_fmadd_ps(series, square, _mm256_set1_ps(SEVENTH));
    series = _mm256_fmadd_ps(series, square, _mm256_set1_ps(FIFTH));
    series = _mm256_fmadd_ps(series, square, _mm256_set1_ps(THIRD));
    const __m256 sine = _mm256_fmadd_ps(_mm256_mul_ps(series, square), rest, rest);
    const __m256i even = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(1)), 31);
    return _mm256_xor_ps(sine, _mm256_castsi256_ps(even));
}
