/* Packing and unpacking; all knowledge of fields is generated from schema/proto/meridian.proto, but for the
 * two numbers by which a batch of packed submissions is put together (compared with the generated ones by a
 * test). */
#include "wire/wire.h"

enum { REQUEST_SUBMIT = 20, BATCH_SUBMISSIONS = 1, VARINT_BYTES = 5, TAG_BYTES = 1 };

void wire_pack(const ProtobufCMessage *message, struct buf *out)
{
    size_t n = protobuf_c_message_get_packed_size(message);

    buf_reserve(out, n);
    protobuf_c_message_pack(message, (uint8_t *)out->p + out->n);
    out->n += n;
    out->p[out->n] = 0;
}

/* The base-128 form of n. How many bytes it takes. */
static size_t varint(size_t n, char ret_bytes[VARINT_BYTES])
{
    size_t i = 0;

    for (; n >= 0x80; n >>= 7)
        ret_bytes[i++] = (char)(n | 0x80);
    ret_bytes[i++] = (char)n;
    return i;
}

void wire_batch_add(struct wire_batch *batch, struct str submission)
{
    char head[TAG_BYTES + VARINT_BYTES] = {BATCH_SUBMISSIONS << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED};
    size_t n = TAG_BYTES + varint(submission.n, head + TAG_BYTES);

    if (!batch->bytes.n)
        buf_add(&batch->bytes, "\0\0\0\0", VARINT_BYTES); /* room for the length of the whole */
    buf_add(&batch->bytes, head, n);
    buf_add_str(&batch->bytes, submission);
}

/* protobuf-c packs unknown fields as they are, behind those it knows; a body is the last of a request. */
void wire_batch_put(struct wire_batch *batch, Meridian__Request *request)
{
    char length[VARINT_BYTES];
    size_t n, size, start = VARINT_BYTES;

    if (!batch->bytes.n)
        buf_add(&batch->bytes, "\0\0\0\0", VARINT_BYTES);
    size = batch->bytes.n - VARINT_BYTES;
    n = varint(size, length);
    start -= n;
    memcpy(batch->bytes.p + start, length, n);
    batch->field = (ProtobufCMessageUnknownField){.tag = REQUEST_SUBMIT,
                                                  .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
                                                  .len = n + size,
                                                  .data = (uint8_t *)batch->bytes.p + start};
    request->base.n_unknown_fields = 1;
    request->base.unknown_fields = &batch->field;
}

void wire_batch_fini(struct wire_batch *batch)
{
    buf_fini(&batch->bytes);
}

Meridian__Request *wire_unpack_request(const void *bytes, size_t n)
{
    return meridian__request__unpack(NULL, n, bytes);
}

Meridian__Reply *wire_unpack_reply(const void *bytes, size_t n)
{
    return meridian__reply__unpack(NULL, n, bytes);
}

Meridian__Hint *wire_unpack_hint(const void *bytes, size_t n)
{
    return meridian__hint__unpack(NULL, n, bytes);
}
