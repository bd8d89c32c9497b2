"""The part of Sparkplug B's protobuf messages that is read (Sparkplug 3.0 specification, ch. 6)."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "uint32": _FIELD.TYPE_UINT32,
    "uint64": _FIELD.TYPE_UINT64,
    "float": _FIELD.TYPE_FLOAT,
    "double": _FIELD.TYPE_DOUBLE,
    "bool": _FIELD.TYPE_BOOL,
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
}
_VALUE = "in value"
# message -> (name, number, type or message, "repeated" | "in value" | "")
_MESSAGES: dict[str, list[tuple[str, int, str, str]]] = {
    "PropertyValue": [
        ("type", 1, "uint32", ""),
        ("is_null", 2, "bool", ""),
        ("int_value", 3, "uint32", _VALUE),
        ("long_value", 4, "uint64", _VALUE),
        ("float_value", 5, "float", _VALUE),
        ("double_value", 6, "double", _VALUE),
        ("boolean_value", 7, "bool", _VALUE),
        ("string_value", 8, "string", _VALUE),
    ],
    "PropertySet": [
        ("keys", 1, "string", "repeated"),
        ("values", 2, "PropertyValue", "repeated"),
    ],
    "Metric": [
        ("name", 1, "string", ""),
        ("alias", 2, "uint64", ""),
        ("timestamp", 3, "uint64", ""),
        ("datatype", 4, "uint32", ""),
        ("is_historical", 5, "bool", ""),
        ("is_transient", 6, "bool", ""),
        ("is_null", 7, "bool", ""),
        ("properties", 9, "PropertySet", ""),
        ("int_value", 10, "uint32", _VALUE),
        ("long_value", 11, "uint64", _VALUE),
        ("float_value", 12, "float", _VALUE),
        ("double_value", 13, "double", _VALUE),
        ("boolean_value", 14, "bool", _VALUE),
        ("string_value", 15, "string", _VALUE),
        ("bytes_value", 16, "bytes", _VALUE),
    ],
    "Payload": [
        ("timestamp", 1, "uint64", ""),
        ("metrics", 2, "Metric", "repeated"),
        ("seq", 3, "uint64", ""),
        ("uuid", 4, "string", ""),
        ("body", 5, "bytes", ""),
    ],
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="ridgewatch_sparkplug.proto", package="ridgewatch.sparkplug", syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if any(rule == _VALUE for *_rest, rule in fields):
            message.oneof_decl.add(name="value")
        for field_name, number, kind, rule in fields:
            field = message.field.add(name=field_name, number=number)
            field.label = _FIELD.LABEL_REPEATED if rule == "repeated" else _FIELD.LABEL_OPTIONAL
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".ridgewatch.sparkplug.{kind}"
            if rule == _VALUE:
                field.oneof_index = 0
    return file


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_file())
Payload = message_factory.GetMessageClass(
    _POOL.FindMessageTypeByName("ridgewatch.sparkplug.Payload")
)
