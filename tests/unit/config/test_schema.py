from google.protobuf import descriptor_pool

from trilith.config.schema import ROOT, schema


def test_the_default_pool_stays_as_it_is_for_client_libraries() -> None:
    message_class = schema().message_class

    assert message_class.DESCRIPTOR.full_name == ROOT
    assert message_class.DESCRIPTOR.file.pool is not descriptor_pool.Default()


def test_fields_tell_lists_from_maps_and_choices() -> None:
    fields = schema().fields(ROOT)

    assert fields["input"].repeated
    assert fields["parameters"].is_map
    assert not fields["parameters"].repeated
    assert fields["dynamic_batching"].oneof == "scheduling_choice"
    assert fields["max_batch_size"].kind == "int32"


def test_owners_of_a_field_are_the_messages_that_have_it() -> None:
    assert schema().owners("label_filename") == ["ModelOutput"]
    assert schema().owners("flux_capacitor") == []


def test_values_of_an_enum_are_numbers_by_name() -> None:
    assert schema().values("inference.DataType")["TYPE_BF16"] == 14
