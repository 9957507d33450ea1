/* Matrices of ggml's types Q4_K and Q6_K, laid out in the order in which eight outputs at once read them.
 *
 * SUPER columns of a row share a scale, and parts of 32 or 16 of them a scale of that scale.
 */
#pragma once
#include <stdint.h>
#include <string.h>

#include "vectors.h"

#define SUPER 256
#define PART 32
#define PARTS (SUPER / PART)

/* Rows as the file has them: block_q4_K and block_q6_K of ggml-common.h. */
struct q4_k {
    uint16_t scale, least;   /* float16 */
    uint8_t scales[12];      /* eight scales and eight minima of 6 bits */
    uint8_t levels[4][PART]; /* of two parts: low bits, high bits */
};

struct q6_k {
    uint8_t low[2][2][PART]; /* of each half: of two parts, low bits and high bits two parts further */
    uint8_t high[2][PART];   /* of each half: two bits of each of four parts */
    int8_t scales[16];
    uint16_t scale;
};

/* Eight rows by SUPER columns. Byte t of row r in `low[i]`: column 8 i + t in the low bits, 8 i + 4 + t in the high. */
struct tile4 {
    struct {
        uint8_t scales[LANES][2], minima[LANES][2];
        uint8_t low[2][4][LANES][4];
    } pairs[PARTS / 2];
    uint16_t scale[LANES], least[LANES];
};

/* Byte t of row r in `high[i]`: the two highest bits of columns 16 i + 4 k + t, k from 0 to 3. */
struct tile6 {
    struct {
        int8_t scales[LANES][2];
        uint8_t low[4][LANES][4], high[2][LANES][4];
    } parts[PARTS];
    uint16_t scale[LANES];
};

/* `bits` at `shift` in each of four bytes. */
static inline uint32_t four_at(const uint8_t *bytes, int shift, uint32_t bits) {
    uint32_t four;
    memcpy(&four, bytes, sizeof four);
    return four >> shift & bits * 0x01010101u;
}

/* The low four bits of a part of a row, which are at `shift` in the bytes of `levels`. */
static void lay_low(uint8_t (*low)[LANES][4], int row, const uint8_t *levels, int shift) {
    for (int i = 0; i < PART / 8; i++, levels += 8) {
        const uint32_t four = four_at(levels, shift, 15) | four_at(levels + 4, shift, 15) << 4;
        memcpy(low[i][row], &four, sizeof four);
    }
}

/* One row of the file into its tiles, in which `row` is its place. */
static void lay_q4_row(const struct q4_k *blocks, int count, struct tile4 *tiles, int row) {
    for (const struct q4_k *block = blocks; block < blocks + count; block++, tiles++) {
        tiles->scale[row] = block->scale;
        tiles->least[row] = block->least;
        for (int part = 0; part < PARTS; part++) {
            const uint8_t *six = block->scales;
            int scale = six[part] & 63, least = six[part + 4] & 63;
            if (part >= 4) {
                scale = (six[part + 4] & 15) | six[part - 4] >> 6 << 4;
                least = six[part + 4] >> 4 | six[part] >> 6 << 4;
            }
            tiles->pairs[part / 2].scales[row][part % 2] = scale;
            tiles->pairs[part / 2].minima[row][part % 2] = least;
            lay_low(tiles->pairs[part / 2].low[part % 2], row, block->levels[part / 2], part % 2 * 4);
        }
    }
}

static void lay_q6_row(const struct q6_k *blocks, int count, struct tile6 *tiles, int row) {
    for (const struct q6_k *block = blocks; block < blocks + count; block++, tiles++) {
        tiles->scale[row] = block->scale;
        for (int part = 0; part < PARTS; part++) {
            const int half = part / 4, which = part % 4;
            memcpy(tiles->parts[part].scales[row], block->scales + 2 * part, 2);
            lay_low(tiles->parts[part].low, row, block->low[half][which % 2], which / 2 * 4);
            for (int i = 0; i < 2; i++) {
                uint32_t four = 0;
                for (int k = 0; k < 4; k++)
                    four |= four_at(block->high[half] + 16 * i + 4 * k, 2 * which, 3) << 2 * k;
                memcpy(tiles->parts[part].high[i][row], &four, sizeof four);
            }
        }
    }
}
