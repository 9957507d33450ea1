/* The codec decoder: codes to samples as a stream, on one thread with AVX2 and FMA, in float32.
 *
 * It computes what `codec.onnx` computes (timbre_engine.convert.codec), over the weights of that file, in whose order
 * and forms they come (timbre_engine.model.codec). Python has checked all shapes.
 */
#define _DEFAULT_SOURCE /* madvise, M_PI */
#include <stdlib.h>
#include <sys/mman.h>

#include "codec_front.h"
#include "convolution.h"

#define PUBLIC __attribute__((visibility("default")))
#define MOST_FRAMES 4 /* of a call */
#define TAPS 7        /* of every convolution that has no other number */
#define FRONT_TAPS 3  /* of the one before the transformer */
#define UNITS 3       /* residual units of a block; their dilations are 1, 3, 9 */
#define MOST_STAGES 4
#define MOST_BLOCKS 8
#define HUGE_PAGE ((size_t)2 << 20)

struct codec_sizes {
    int32_t codebooks, codebook_size, half, dim, latent, hidden, layers, heads, head_dim, window, intermediate, stages;
    int32_t blocks, channels;             /* channels: before the first block; each halves them */
    int32_t ratios[MOST_STAGES];          /* of the upsampling stages */
    int32_t rates[MOST_BLOCKS];           /* of the blocks' transposed convolutions */
    int32_t points[MOST_BLOCKS];          /* at which the products of those are shared; 0: they are not */
    int32_t unit_points[MOST_BLOCKS];     /* the same of the residual units */
    float epsilon;
    double theta;
};

struct unit {
    struct snake snake;
    struct convolution convolution;
    const float *swing; /* of the second snake, whose argument is what the convolution makes */
    struct dense mix;
    size_t history; /* place in a stream's state, as all of that name: [taps - 1 times dilation, channels] */
};

struct codec_block {
    struct snake snake;
    struct convolution up; /* makes `rate` rows of each, side by side */
    size_t history;
    struct unit units[UNITS];
};

struct codec {
    struct codec_sizes sizes;
    struct store store;
    const float *tables; /* [codebooks, codebook_size, half] */
    struct dense quantizer;
    struct convolution before, first; /* the transformer, the blocks */
    size_t before_history, first_history, last_history;
    struct transformer transformer;
    struct upsampling stages[MOST_STAGES];
    struct codec_block blocks[MOST_BLOCKS];
    struct snake last_snake;
    const float *last /* [TAPS, channels] */, *last_bias;
    size_t state; /* floats of a stream's state, behind the frames that it has seen */
    float *room, *rows, *next, *seen, *inner, *pieces[4];
    struct tile_room tile_room;
};

static size_t larger(size_t left, size_t right) { return left > right ? left : right; }

static size_t in_state(struct codec *codec, size_t count) {
    codec->state += count;
    return codec->state - count;
}

static struct snake take_snake(struct store *store, struct side side) {
    const float *speed = take_vector(store, side);
    return (struct snake){speed, take_vector(store, side)};
}

/* [channels, taps] -> [taps, channels filled up] */
static const float *take_turned(struct store *store, int channels, int taps) {
    const float *values = next_source(store);
    float *mine = place(store, (size_t)taps * filled(channels));
    if (mine) memset(mine, 0, sizeof(float) * taps * filled(channels));
    for (int i = 0; mine && i < channels * taps; i++)
        mine[(size_t)(i % taps) * filled(channels) + i / taps] = values[i];
    return mine;
}

static void take_front(struct codec *codec) {
    const struct codec_sizes *s = &codec->sizes;
    struct store *store = &codec->store;
    const struct side dim = {1, s->dim}, latent = {1, s->latent}, hidden = {1, s->hidden};
    const struct side attention = {1, s->heads * s->head_dim}, inner = {1, s->intermediate};
    struct transformer *t = &codec->transformer;
    codec->tables = take_vector(store, (struct side){s->codebooks * s->codebook_size, s->half});
    codec->quantizer = take_matrix(store, (struct side){2, s->half}, dim);
    codec->before = take_convolution(store, FRONT_TAPS, 1, 0, dim, latent);
    codec->before_history = in_state(codec, (FRONT_TAPS - 1) * s->dim);
    *t = (struct transformer){
        .layers = t->layers, .count = s->layers, .heads = s->heads, .head_dim = s->head_dim, .window = s->window,
        .ring = s->window - 1 + MOST_FRAMES, .epsilon = s->epsilon, .theta = s->theta};
    t->input = take_linear(store, latent, hidden);
    for (struct codec_layer *layer = t->layers; layer < t->layers + s->layers; layer++) {
        layer->queries_keys_values = take_matrix(store, hidden, (struct side){3, attention.channels});
        layer->output = take_matrix(store, attention, hidden);
        layer->gate_up = take_matrix(store, hidden, (struct side){2, inner.channels});
        layer->down = take_matrix(store, inner, hidden);
        layer->keys = in_state(codec, (size_t)t->ring * attention.channels);
        layer->values = in_state(codec, (size_t)t->ring * attention.channels);
    }
    t->output = take_linear(store, hidden, latent);
    for (int stage = 0; stage < s->stages; stage++) {
        struct upsampling *u = &codec->stages[stage];
        u->ratio = s->ratios[stage];
        u->width = s->latent;
        u->history = in_state(codec, (size_t)(DEPTH - 1) * s->latent);
        u->spread = take_linear(store, latent, (struct side){u->ratio, s->latent});
        u->depthwise = take_turned(store, s->latent, DEPTH);
        u->bias = take_vector(store, latent);
        u->norm = take_vector(store, latent);
        u->norm_bias = take_vector(store, latent);
        u->wide = take_linear(store, latent, (struct side){4, s->latent});
        u->narrow = take_linear(store, (struct side){4, s->latent}, latent);
    }
}

static void take_blocks(struct codec *codec) {
    const struct codec_sizes *s = &codec->sizes;
    struct store *store = &codec->store;
    struct side side = {1, s->channels};
    codec->first = take_convolution(store, TAPS, 1, 0, (struct side){1, s->latent}, side);
    codec->first_history = in_state(codec, (size_t)(TAPS - 1) * s->latent);
    for (int number = 0; number < s->blocks; number++) {
        struct codec_block *b = &codec->blocks[number];
        const struct side out = {1, side.channels / 2};
        b->snake = take_snake(store, side);
        b->up = take_convolution(
            store, 2, 1, s->points[number], side, (struct side){s->rates[number], out.channels});
        b->history = in_state(codec, width(side));
        side = out;
        for (int unit = 0, dilation = 1; unit < UNITS; unit++, dilation *= 3) {
            struct unit *u = &b->units[unit];
            u->snake = take_snake(store, side);
            u->convolution = take_convolution(store, TAPS, dilation, s->unit_points[number], side, side);
            u->swing = take_vector(store, side);
            u->mix = take_linear(store, side, side);
            u->history = in_state(codec, (size_t)history(&u->convolution) * width(side));
        }
    }
    codec->last_snake = take_snake(store, side);
    codec->last = take_turned(store, side.channels, TAPS);
    codec->last_bias = take_vector(store, (struct side){1, 1});
    codec->last_history = in_state(codec, (size_t)(TAPS - 1) * width(side));
}

/* The most that a convolution needs of each kind of room, for `time` rows. */
static void need(const struct convolution *c, int time, size_t *seen, size_t *made, size_t *tiles) {
    *seen = larger(*seen, (size_t)(history(c) + rounded_up(time, cycle(c))) * c->inputs);
    *made = larger(*made, (size_t)time * c->outputs);
    if (c->points) *tiles = larger(*tiles, (size_t)c->points * tile(c) * larger(c->inputs, c->outputs));
}

static int make_room(struct codec *codec) {
    const struct codec_sizes *s = &codec->sizes;
    size_t seen = 0, made = 0, tiles = 0, piece = 0;
    int time = MOST_FRAMES;
    need(&codec->before, time, &seen, &made, &tiles);
    piece = larger(larger(3 * s->heads * s->head_dim, 2 * s->intermediate), s->hidden) * time;
    for (int stage = 0; stage < s->stages; stage++) {
        time *= s->ratios[stage];
        piece = larger(piece, (size_t)time * 4 * s->latent);
        seen = larger(seen, (size_t)(DEPTH - 1 + time) * s->latent);
    }
    need(&codec->first, time, &seen, &made, &tiles);
    for (int number = 0; number < s->blocks; number++) {
        const struct codec_block *b = &codec->blocks[number];
        need(&b->up, time, &seen, &made, &tiles);
        time *= s->rates[number];
        for (int unit = 0; unit < UNITS; unit++) need(&b->units[unit].convolution, time, &seen, &made, &tiles);
    }
    made = larger(made, piece);
    seen += TAPS * s->channels; /* the last convolution's history */
    codec->room = malloc(sizeof(float) * (3 * made + seen + 4 * piece + 2 * tiles));
    if (!codec->room) return -1;
    float *next = codec->room;
    codec->rows = next;
    codec->next = next += made;
    codec->inner = next += made;
    codec->seen = next += made;
    next += seen;
    for (int i = 0; i < 4; i++, next += piece) codec->pieces[i] = next;
    codec->tile_room = (struct tile_room){next, next + tiles};
    return 0;
}

/* `rows` [time, channels], behind the `before` rows that the state has of them; and those that the next call needs. */
static float *joined(struct codec *codec, float *past, int before, const float *rows, int time, int channels) {
    memcpy(codec->seen, past, sizeof(float) * before * channels);
    memcpy(codec->seen + (size_t)before * channels, rows, sizeof(float) * time * channels);
    memcpy(past, codec->seen + (size_t)time * channels, sizeof(float) * before * channels);
    return codec->seen;
}

/* The same behind a snake, with zeros up to a whole cycle of the convolution. */
static float *snaked(
    struct codec *codec, const struct snake *snake, float *past, int before, const float *rows, int time, int cycle,
    int channels) {
    float *to = codec->seen + (size_t)before * channels;
    memcpy(codec->seen, past, sizeof(float) * before * channels);
    for (int row = 0; row < time; row++, rows += channels, to += channels)
        for (int i = 0; i < channels; i += LANES) {
            const __m256 value = _mm256_loadu_ps(rows + i);
            const __m256 wave = cos8(_mm256_mul_ps(value, _mm256_loadu_ps(snake->speed + i)));
            _mm256_storeu_ps(to + i, _mm256_fnmadd_ps(wave, _mm256_loadu_ps(snake->height + i), value));
        }
    memset(to, 0, sizeof(float) * (rounded_up(time, cycle) - time) * channels);
    memcpy(past, codec->seen + (size_t)time * channels, sizeof(float) * before * channels);
    return codec->seen;
}

static void swap_rows(struct codec *codec) {
    float *rows = codec->rows;
    codec->rows = codec->next;
    codec->next = rows;
}

/* Codes -> codec->rows [frames * ratios, latent]; how many rows. */
static int run_front(struct codec *codec, const int64_t *codes, int frames, int64_t before, float *state) {
    const struct codec_sizes *s = &codec->sizes;
    float *looked_up = codec->inner;
    memset(looked_up, 0, sizeof(float) * frames * 2 * s->half);
    for (int i = 0; i < frames * s->codebooks; i++) {
        const int book = i % s->codebooks, part = 2 * (i / s->codebooks) + (book > 0);
        const float *row = codec->tables + ((size_t)book * s->codebook_size + codes[i]) * s->half;
        add_scaled(looked_up + (size_t)part * s->half, 1, row, s->half);
    }
    dense_product(&codec->quantizer, looked_up, 2 * s->half, frames, codec->next, 0);
    float *seen = joined(codec, state + codec->before_history, FRONT_TAPS - 1, codec->next, frames, s->dim);
    convolve(&codec->before, seen, frames, NULL, codec->next, NULL, NULL, NULL);
    transform(&codec->transformer, codec->next, frames, before, state, codec->pieces, codec->rows);
    int time = frames;
    for (int stage = 0; stage < s->stages; stage++) {
        const struct upsampling *u = &codec->stages[stage];
        dense_product(&u->spread, codec->rows, u->width, time, codec->next, 0);
        swap_rows(codec);
        time *= u->ratio;
        seen = joined(codec, state + u->history, DEPTH - 1, codec->rows, time, u->width);
        convnext(u, seen, time, codec->pieces[0], codec->pieces[1], codec->rows);
    }
    return time;
}

/* codec->rows through a block; how many rows then. */
static int run_block(struct codec *codec, const struct codec_block *b, int rate, int time, float *state) {
    const float *seen = snaked(
        codec, &b->snake, state + b->history, history(&b->up), codec->rows, time, cycle(&b->up), b->up.inputs);
    convolve(&b->up, seen, time, &codec->tile_room, codec->next, NULL, NULL, NULL);
    swap_rows(codec);
    time *= rate;
    for (const struct unit *u = b->units; u < b->units + UNITS; u++) {
        const struct convolution *c = &u->convolution;
        seen = snaked(codec, &u->snake, state + u->history, history(c), codec->rows, time, cycle(c), c->inputs);
        convolve(c, seen, time, &codec->tile_room, codec->inner, u->swing, &u->mix, codec->rows);
    }
    return time;
}

/* codes [frames, codebooks], at most MOST_FRAMES of them -> pcm [frames * samples of each]; moves the state on.
 * helps: the code predictor's products, meanwhile, wherever they are wanted. */
PUBLIC void timbre_codec_decode(
    struct codec *codec, const int64_t *codes, int32_t frames, void *stream, float *pcm, int32_t helps) {
    be_willing(helps);
    const struct codec_sizes *s = &codec->sizes;
    int64_t *seen_frames = stream;
    float *state = (float *)(seen_frames + 1);
    int time = run_front(codec, codes, frames, *seen_frames, state);
    *seen_frames += frames;
    const float *seen = joined(codec, state + codec->first_history, TAPS - 1, codec->rows, time, s->latent);
    convolve(&codec->first, seen, time, NULL, codec->rows, NULL, NULL, NULL);
    for (int number = 0; number < s->blocks; number++)
        time = run_block(codec, &codec->blocks[number], s->rates[number], time, state);
    const int channels = codec->blocks[s->blocks - 1].units[0].convolution.outputs;
    seen = snaked(codec, &codec->last_snake, state + codec->last_history, TAPS - 1, codec->rows, time, 1, channels);
    for (int sample = 0; sample < time; sample++) {
        const float value = dot(seen + (size_t)sample * channels, codec->last, TAPS * channels) + *codec->last_bias;
        pcm[sample] = fminf(fmaxf(value, -1), 1);
    }
    be_willing(-helps);
}

/* Bytes of a stream's state. */
PUBLIC int64_t timbre_codec_state_bytes(const struct codec *codec) {
    return sizeof(int64_t) + sizeof(float) * codec->state;
}

/* What is before the rows, in a stream that begins: zeros, which lack a snake's height. */
static void begin_rows(float *past, int count, const struct snake *snake, int channels) {
    for (int i = 0; i < count * channels; i++) past[i] = -snake->height[i % channels];
}

/* The state of a stream that begins. */
PUBLIC void timbre_codec_begin(const struct codec *codec, void *stream) {
    float *state = (float *)((int64_t *)stream + 1);
    memset(stream, 0, timbre_codec_state_bytes(codec));
    for (const struct codec_block *b = codec->blocks; b < codec->blocks + codec->sizes.blocks; b++) {
        begin_rows(state + b->history, history(&b->up), &b->snake, b->up.inputs);
        for (const struct unit *u = b->units; u < b->units + UNITS; u++)
            begin_rows(state + u->history, history(&u->convolution), &u->snake, u->convolution.inputs);
    }
    const int channels = codec->blocks[codec->sizes.blocks - 1].units[0].convolution.outputs;
    begin_rows(state + codec->last_history, TAPS - 1, &codec->last_snake, channels);
}

PUBLIC void timbre_codec_free(struct codec *codec) {
    if (!codec) return;
    free(codec->transformer.layers);
    free(codec->store.start);
    free(codec->room);
    free(codec);
}

static void take_all(struct codec *codec, const float *const *sources) {
    codec->store.used = codec->state = 0;
    codec->store.sources = sources;
    take_front(codec);
    take_blocks(codec);
}

/* Copies the sources. NULL: there is no memory. */
PUBLIC struct codec *timbre_codec_new(const struct codec_sizes *sizes, const float *const *sources) {
    struct codec *codec = calloc(1, sizeof *codec);
    if (!codec) return NULL;
    codec->sizes = *sizes;
    codec->transformer.layers = calloc(sizes->layers, sizeof *codec->transformer.layers);
    if (codec->transformer.layers) {
        take_all(codec, sources);
        const size_t bytes = (codec->store.used * sizeof(float) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        codec->store.start = aligned_alloc(HUGE_PAGE, bytes);
    }
    if (!codec->store.start) {
        timbre_codec_free(codec);
        return NULL;
    }
    madvise(codec->store.start, codec->store.used * sizeof(float), MADV_HUGEPAGE);
    take_all(codec, sources);
    if (make_room(codec)) {
        timbre_codec_free(codec);
        return NULL;
    }
    return codec;
}
