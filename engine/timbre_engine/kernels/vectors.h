/* Sums of float32 vectors. `count` is a multiple of LANES for `dot`. */
#pragma once
#include <immintrin.h>

#define LANES 8

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

static float dot(const float *left, const float *right, int count) {
    __m256 total = _mm256_setzero_ps();
    for (int i = 0; i < count; i += LANES)
        total = _mm256_fmadd_ps(_mm256_loadu_ps(left + i), _mm256_loadu_ps(right + i), total);
    return sum8(total);
}

static inline void add_scaled(float *to, float factor, const float *values, int count) {
    for (int i = 0; i < count; i++) to[i] += factor * values[i];
}
