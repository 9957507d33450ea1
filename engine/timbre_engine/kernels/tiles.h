/* Products of rows of inputs, rounded to 8 bits, with eight rows of a matrix at once.
 *
 * A product waits for memory more than it computes: each weight is fetched ahead, past the shared cache, and used for
 * all rows of inputs while it is near.
 */
#pragma once
#include "kquants.h"

#define MOST_INPUTS 4 /* rows of inputs that a weight is unpacked for at once */
#define AHEAD 4096    /* bytes of weights that are fetched before they are wanted */

/* Rows of inputs, rounded to 8 bits by SUPER. */
struct rounded {
    int8_t *levels;  /* [count, columns] */
    float *scales;   /* [count, columns / SUPER] */
    int16_t *halves; /* sums of 16 levels [count, columns / 16] */
    int16_t *wholes; /* of a PART [count, columns / PART] */
};

/* One row of inputs. */
static void round_row(const float *inputs, int columns, const struct rounded *to, int row) {
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* packing goes by halves */
    const __m256i ones = _mm256_set1_epi16(1), bytes = _mm256_set1_epi8(1);
    int8_t *levels = to->levels + (size_t)row * columns;
    for (int super = 0; super < columns / SUPER; super++, inputs += SUPER, levels += SUPER) {
        __m256 largest = _mm256_setzero_ps();
        for (int i = 0; i < SUPER; i += LANES)
            largest = _mm256_max_ps(largest, _mm256_and_ps(_mm256_loadu_ps(inputs + i), magnitude));
        const float most = max8(largest);
        const __m256 inverse = _mm256_set1_ps(most > 0 ? 127 / most : 0);
        to->scales[row * (columns / SUPER) + super] = most / 127;
        for (int part = 0; part < PARTS; part++) {
            __m256i whole[4];
            for (int i = 0; i < 4; i++) {
                const __m256 values = _mm256_loadu_ps(inputs + part * PART + LANES * i);
                whole[i] = _mm256_cvtps_epi32(_mm256_mul_ps(values, inverse));
            }
            const __m256i first = _mm256_packs_epi32(whole[0], whole[1]);
            const __m256i second = _mm256_packs_epi32(whole[2], whole[3]);
            const __m256i packed = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), order);
            _mm256_storeu_si256((__m256i *)(levels + part * PART), packed);
            /* sums of four levels each, then of sixteen */
            const __m256i fours = _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, packed), ones);
            const __m256i eights = _mm256_hadd_epi32(fours, fours), sixteens = _mm256_hadd_epi32(eights, eights);
            const int16_t low = _mm256_extract_epi32(sixteens, 0), high = _mm256_extract_epi32(sixteens, 4);
            int16_t *halves = to->halves + (size_t)row * (columns / 16) + super * 16 + part * 2;
            halves[0] = low;
            halves[1] = high;
            to->wholes[(size_t)row * (columns / PART) + super * PARTS + part] = low + high;
        }
    }
}

static inline __m256i four_levels(const int8_t *levels) {
    int32_t four;
    memcpy(&four, levels, sizeof four);
    return _mm256_set1_epi32(four);
}

static inline __m256i two_sums(const int16_t *sums) {
    int32_t two;
    memcpy(&two, sums, sizeof two);
    return _mm256_set1_epi32(two);
}

static inline void fetch(const void *tile, size_t from, size_t bytes, int wanted) {
    if (!wanted) return;
    const char *ahead = (const char *)tile + AHEAD + from;
    for (size_t line = 0; line < bytes + 63; line += 64) _mm_prefetch(ahead + line, _MM_HINT_NTA);
}

/* Of each lane's two numbers of 16 bits the first, or the second, twice. */
static inline __m256i twice(__m256i pairs, const int second) {
    const __m256i first = _mm256_setr_epi8(
        0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13, 0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13);
    return _mm256_shuffle_epi8(pairs, second ? _mm256_or_si256(first, _mm256_set1_epi8(2)) : first);
}

/* Eight outputs of `count` rows of inputs from `row` on; `ahead`: whether the weights come from memory. */
static inline __attribute__((always_inline)) void tile4_product(
    const struct tile4 *tiles, int columns, const struct rounded *inputs, int row, float *to, ptrdiff_t to_stride,
    int ahead, const int count) {
    const __m256i low = _mm256_set1_epi8(15);
    const int supers = columns / SUPER;
    __m256 totals[MOST_INPUTS];
    for (int m = 0; m < count; m++) totals[m] = _mm256_setzero_ps();
    for (int super = 0; super < supers; super++, tiles++) {
        __m256i sums[MOST_INPUTS], minima[MOST_INPUTS];
        for (int m = 0; m < count; m++) sums[m] = minima[m] = _mm256_setzero_si256();
        for (int part = 0; part < PARTS; part++) {
            fetch(tiles, part * sizeof *tiles / PARTS, sizeof *tiles / PARTS, ahead);
            const __m256i pair = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)tiles->pairs[part / 2].scales));
            const __m256i scale = twice(pair, part % 2);
            __m256i weights[8];
            for (int i = 0; i < 4; i++) {
                const __m256i both = _mm256_loadu_si256((const __m256i *)tiles->pairs[part / 2].low[part % 2][i]);
                weights[2 * i] = _mm256_and_si256(both, low);
                weights[2 * i + 1] = _mm256_and_si256(_mm256_srli_epi16(both, 4), low);
            }
            for (int m = 0; m < count; m++) {
                const int8_t *levels = inputs->levels + (size_t)(row + m) * columns + super * SUPER + part * PART;
                /* Each half of a lane adds eight pairs of products, at most 8 * 2 * 15 * 127: within 16 bits. */
                __m256i products = _mm256_setzero_si256();
                for (int i = 0; i < 8; i++) {
                    const __m256i pairs = _mm256_maddubs_epi16(weights[i], four_levels(levels + 4 * i));
                    products = _mm256_add_epi16(products, pairs);
                }
                sums[m] = _mm256_add_epi32(sums[m], _mm256_madd_epi16(products, scale));
            }
            if (part % 2) continue;
            const __m256i least = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)tiles->pairs[part / 2].minima));
            for (int m = 0; m < count; m++) {
                const int16_t *wholes = inputs->wholes + (size_t)(row + m) * (columns / PART) + super * PARTS + part;
                minima[m] = _mm256_add_epi32(minima[m], _mm256_madd_epi16(least, two_sums(wholes)));
            }
        }
        const __m256 scale = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)tiles->scale));
        const __m256 least = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)tiles->least));
        for (int m = 0; m < count; m++) {
            const __m256 step = _mm256_broadcast_ss(inputs->scales + (row + m) * supers + super);
            const __m256 under = _mm256_mul_ps(least, _mm256_cvtepi32_ps(minima[m]));
            const __m256 value = _mm256_fmsub_ps(scale, _mm256_cvtepi32_ps(sums[m]), under);
            totals[m] = _mm256_fmadd_ps(step, value, totals[m]);
        }
    }
    for (int m = 0; m < count; m++) _mm256_storeu_ps(to + m * to_stride, totals[m]);
}

/* The same; levels are counted from 0 and mean -32. */
static inline __attribute__((always_inline)) void tile6_product(
    const struct tile6 *tiles, int columns, const struct rounded *inputs, int row, float *to, ptrdiff_t to_stride,
    int ahead, const int count) {
    const __m256i low = _mm256_set1_epi8(15), top = _mm256_set1_epi8(48);
    const int supers = columns / SUPER;
    __m256 totals[MOST_INPUTS];
    for (int m = 0; m < count; m++) totals[m] = _mm256_setzero_ps();
    for (int super = 0; super < supers; super++, tiles++) {
        __m256i sums[MOST_INPUTS], middles[MOST_INPUTS];
        for (int m = 0; m < count; m++) sums[m] = middles[m] = _mm256_setzero_si256();
        for (int part = 0; part < PARTS; part++) {
            fetch(tiles, part * sizeof *tiles / PARTS, sizeof *tiles / PARTS, ahead);
            const __m256i pair = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)tiles->parts[part].scales));
            const __m256i scales[2] = {twice(pair, 0), twice(pair, 1)};
            __m256i weights[8];
            for (int half = 0; half < 2; half++) {
                const __m256i high = _mm256_loadu_si256((const __m256i *)tiles->parts[part].high[half]);
                const __m256i shifted[4] = {
                    _mm256_slli_epi16(high, 4), _mm256_slli_epi16(high, 2), high, _mm256_srli_epi16(high, 2)};
                for (int k = 0; k < 4; k += 2) {
                    const __m256i both = _mm256_loadu_si256((const __m256i *)tiles->parts[part].low[2 * half + k / 2]);
                    const __m256i second = _mm256_and_si256(_mm256_srli_epi16(both, 4), low);
                    weights[4 * half + k] =
                        _mm256_or_si256(_mm256_and_si256(both, low), _mm256_and_si256(shifted[k], top));
                    weights[4 * half + k + 1] = _mm256_or_si256(second, _mm256_and_si256(shifted[k + 1], top));
                }
            }
            for (int m = 0; m < count; m++) {
                const int8_t *levels = inputs->levels + (size_t)(row + m) * columns + super * SUPER + part * PART;
                const int16_t *halves = inputs->halves + (size_t)(row + m) * (columns / 16) + super * 16 + part * 2;
                /* Two pairs of products are at most 2 * 2 * 63 * 127: within 16 bits, and no more are. */
                for (int i = 0; i < 8; i += 2) {
                    const __m256i one = _mm256_maddubs_epi16(weights[i], four_levels(levels + 4 * i));
                    const __m256i other = _mm256_maddubs_epi16(weights[i + 1], four_levels(levels + 4 * i + 4));
                    sums[m] =
                        _mm256_add_epi32(sums[m], _mm256_madd_epi16(_mm256_add_epi16(one, other), scales[i / 4]));
                }
                middles[m] = _mm256_add_epi32(middles[m], _mm256_madd_epi16(pair, two_sums(halves)));
            }
        }
        const __m256 scale = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)tiles->scale));
        for (int m = 0; m < count; m++) {
            const __m256 step = _mm256_broadcast_ss(inputs->scales + (row + m) * supers + super);
            const __m256i level = _mm256_sub_epi32(sums[m], _mm256_slli_epi32(middles[m], 5));
            totals[m] = _mm256_fmadd_ps(_mm256_mul_ps(step, scale), _mm256_cvtepi32_ps(level), totals[m]);
        }
    }
    for (int m = 0; m < count; m++) _mm256_storeu_ps(to + m * to_stride, totals[m]);
}
