/* Packing and unpacking; all knowledge of fields is generated from schema/proto/meridian.proto. */
#include "wire/wire.h"

void wire_pack(const ProtobufCMessage *message, struct buf *out)
{
    size_t n = protobuf_c_message_get_packed_size(message);

    buf_reserve(out, n);
    protobuf_c_message_pack(message, (uint8_t *)out->p + out->n);
    out->n += n;
    out->p[out->n] = 0;
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
