"""What server and worker say to each other before tensors flow."""

import socket
import struct
import threading

import pytest

from trilith.runtime.channel import MAX_MESSAGE_BYTES, Channel


def pair() -> tuple[Channel, Channel]:
    one, other = socket.socketpair()
    return Channel(one), Channel(other)


def test_messages_arrive_one_by_one() -> None:
    one, other = pair()
    one.send({"a": 1})
    one.send({"b": "ü"})
    assert other.receive() == {"a": 1}
    assert other.receive() == {"b": "ü"}


def test_a_message_larger_than_the_sockets_buffer_arrives() -> None:
    one, other = pair()
    text = "x" * (4 << 20)
    sender = threading.Thread(target=one.send, args=({"text": text},))
    sender.start()
    assert other.receive() == {"text": text}
    sender.join()


def test_not_a_byte_more_than_the_message_is_read() -> None:
    one, other = socket.socketpair()
    Channel(one).send({"a": 1})
    one.sendall(b"tensors")
    channel = Channel(other)
    channel.receive()
    taken = socket.socket(fileno=channel.detach())
    assert taken.recv(100) == b"tensors"


def test_a_channel_that_ends_is_told_from_a_message() -> None:
    one, other = pair()
    one.close()
    with pytest.raises(EOFError):
        other.receive()


def test_a_channel_that_ends_within_a_message_is_told_too() -> None:
    one, other = socket.socketpair()
    one.sendall(struct.pack(">I", 10) + b"{")
    one.close()
    with pytest.raises(EOFError):
        Channel(other).receive()


def test_bytes_that_are_no_message_are_refused_before_they_are_waited_for() -> None:
    one, other = socket.socketpair()
    one.sendall(struct.pack(">I", MAX_MESSAGE_BYTES + 1))
    with pytest.raises(ValueError, match="at most"):
        Channel(other).receive()


def test_closing_wakes_who_is_waiting() -> None:
    _one, other = pair()
    caught: list[BaseException] = []

    def receive() -> None:
        try:
            other.receive()
        except (EOFError, OSError) as error:
            caught.append(error)

    waiting = threading.Thread(target=receive)
    waiting.start()
    other.close()
    waiting.join(10)
    assert len(caught) == 1
