/* What a backend of ggml is made of, in versions 2 and 3 of its interface: as ggml/src/ggml-backend-impl.h and
 * ggml/include/ggml.h of llama.cpp have it, in what llama-cpp-python 0.3.36 carries and in b11549. No layout is
 * promised, so `talker.c` compares them with the library's own before it uses them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GGML_OBJECT_SIZE 32 /* with the tensor after it: ggml_tensor_overhead */

enum { GGML_TYPE_F32 = 0, GGML_TYPE_Q4_K = 12, GGML_TYPE_Q6_K = 14 };
enum { GGML_OP_MUL_MAT = 29 };
enum { GGML_BACKEND_DEVICE_TYPE_CPU = 0, GGML_BACKEND_DEVICE_TYPE_ACCEL = 3 };
enum { GGML_STATUS_ALLOC_FAILED = -2, GGML_STATUS_SUCCESS = 0 };

typedef void (*unused)(void); /* a function that a backend need not have, or that nothing here calls */

struct ggml_cgraph;
struct ggml_backend_device;
struct ggml_backend_buffer_type; /* of one of the two versions */
struct ggml_backend_buffer;
struct ggml_backend_reg;

struct ggml_tensor {
    int type;
    struct ggml_backend_buffer *buffer;
    int64_t ne[4]; /* elements */
    size_t nb[4];  /* bytes from one to the next */
    int op;
    int32_t op_params[16];
    int32_t flags;
    struct ggml_tensor *src[10];
    struct ggml_tensor *view_src;
    size_t view_offs;
    void *data;
    char name[64];
    void *extra;
    char padding[8];
};

struct ggml_backend_buffer_type_2 {
    const char *(*get_name)(struct ggml_backend_buffer_type *type);
    struct ggml_backend_buffer *(*alloc_buffer)(struct ggml_backend_buffer_type *type, size_t size);
    size_t (*get_alignment)(struct ggml_backend_buffer_type *type);
    unused get_max_size;
    size_t (*get_alloc_size)(struct ggml_backend_buffer_type *type, const struct ggml_tensor *tensor);
    bool (*is_host)(struct ggml_backend_buffer_type *type);
    struct ggml_backend_device *device;
    void *context;
};

struct ggml_backend_buffer_type_3 {
    const char *(*get_name)(struct ggml_backend_buffer_type *type);
    struct ggml_backend_buffer *(*alloc_buffer)(struct ggml_backend_buffer_type *type, size_t size);
    unused alloc_buffer_n;
    size_t (*get_alignment)(struct ggml_backend_buffer_type *type);
    unused get_max_size;
    size_t (*get_alloc_size)(struct ggml_backend_buffer_type *type, const struct ggml_tensor *tensor);
    unused get_alloc_size_n;
    bool (*is_host)(struct ggml_backend_buffer_type *type);
    struct ggml_backend_device *device;
    void *context;
};

struct ggml_backend_buffer_i {
    void (*free_buffer)(struct ggml_backend_buffer *buffer);
    void *(*get_base)(struct ggml_backend_buffer *buffer);
    unused init_tensor, memset_tensor;
    void (*set_tensor)(
        struct ggml_backend_buffer *buffer, struct ggml_tensor *tensor, const void *data, size_t offset, size_t size);
    unused get_tensor, set_tensor_2d, get_tensor_2d, cpy_tensor;
    void (*clear)(struct ggml_backend_buffer *buffer, uint8_t value);
    unused reset;
};

struct ggml_backend_buffer {
    struct ggml_backend_buffer_i iface;
    struct ggml_backend_buffer_type *buft;
    void *context;
    size_t size;
    int usage;
};

struct ggml_backend {
    const uint8_t *guid;
    const char *(*get_name)(struct ggml_backend *backend);
    void (*free)(struct ggml_backend *backend);
    unused set_tensor_async, get_tensor_async, set_tensor_2d_async, get_tensor_2d_async, cpy_tensor_async, synchronize;
    unused graph_plan_create, graph_plan_free, graph_plan_update, graph_plan_compute;
    int (*graph_compute)(struct ggml_backend *backend, struct ggml_cgraph *graph);
    unused event_record, event_wait, graph_optimize;
    struct ggml_backend_device *device;
    void *context;
};

struct ggml_backend_dev_props {
    const char *name, *description;
    size_t memory_free, memory_total;
    int type;
    const char *device_id;
    struct {
        bool async, host_buffer, buffer_from_host_ptr, events, mmap_support;
    } caps;
};

struct ggml_backend_device {
    const char *(*get_name)(struct ggml_backend_device *device);
    const char *(*get_description)(struct ggml_backend_device *device);
    void (*get_memory)(struct ggml_backend_device *device, size_t *free, size_t *total);
    int (*get_type)(struct ggml_backend_device *device);
    void (*get_props)(struct ggml_backend_device *device, struct ggml_backend_dev_props *props);
    struct ggml_backend *(*init_backend)(struct ggml_backend_device *device, const char *params);
    struct ggml_backend_buffer_type *(*get_buffer_type)(struct ggml_backend_device *device);
    unused get_host_buffer_type, buffer_from_host_ptr;
    bool (*supports_op)(struct ggml_backend_device *device, const struct ggml_tensor *op);
    bool (*supports_buft)(struct ggml_backend_device *device, struct ggml_backend_buffer_type *type);
    unused offload_op, event_new, event_free, event_synchronize;
    struct ggml_backend_reg *reg;
    void *context;
};

struct ggml_backend_reg {
    int api_version;
    const char *(*get_name)(struct ggml_backend_reg *reg);
    size_t (*get_device_count)(struct ggml_backend_reg *reg);
    struct ggml_backend_device *(*get_device)(struct ggml_backend_reg *reg, size_t index);
    void *(*get_proc_address)(struct ggml_backend_reg *reg, const char *name);
    void *context;
};
