/* The messages of the bus (schema/proto/meridian.proto) as protobuf-c structures, and how they become bytes.
 */
#pragma once
#include "base/buf.h"
#include "wire/meridian.pb-c.h"

/** Packs any message; appends. */
void wire_pack(const ProtobufCMessage *message, struct buf *out);
/** Unpack or NULL for bytes that are not that message; freed with meridian__<type>__free_unpacked(m, NULL).
 */
Meridian__Request *wire_unpack_request(const void *bytes, size_t n);
Meridian__Reply *wire_unpack_reply(const void *bytes, size_t n);
Meridian__Hint *wire_unpack_hint(const void *bytes, size_t n);
