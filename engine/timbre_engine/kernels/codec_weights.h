/* A codec's parts, and how they are taken from the weights of `codec.onnx`. */
#pragma once
#include "codec_front.h"
#include "convolution.h"

#define MOST_FRAMES 4 /* of a call */
#define TAPS 7        /* of every convolution that has no other number */
#define FRONT_TAPS 3  /* of the one before the transformer */
#define UNITS 3       /* residual units of a block; their dilations are 1, 3, 9 */
#define MOST_STAGES 4
#define MOST_BLOCKS 8

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

static void take_all(struct codec *codec, const float *const *sources) {
    codec->store.used = codec->state = 0;
    codec->store.sources = sources;
    take_front(codec);
    take_blocks(codec);
}
