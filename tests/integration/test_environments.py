"""Models that run in Python environments of their own."""

from pathlib import Path

from support.environments import MODULE, make_environment, pack
from support.obedient import tell, write_obedient
from support.server import ServerProcess

CODE = f"import sys, {MODULE}; print({MODULE}.ANSWER, sys.prefix)"


def test_models_run_in_the_environments_that_they_name(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    folder = make_environment(tmp_path / "made")
    write_obedient(repository, "folder", EXECUTION_ENV_PATH=str(folder))
    write_obedient(repository, "packed", EXECUTION_ENV_PATH="$$TRITON_MODEL_DIRECTORY/packed.tar.gz")
    pack(folder, repository / "packed" / "packed.tar.gz")
    write_obedient(repository, "plain")
    write_obedient(repository, "threads", EXECUTION_ENV_PATH=str(folder), isolation="thread")
    flags = ("--exit-on-error=false", "--strict-readiness=false")
    with ServerProcess(repository, *flags, tolerates="cannot be loaded") as server:
        assert tell(server, "folder", CODE) == f"42 {folder}"
        answer, prefix = tell(server, "packed", CODE).split()
        assert (answer, Path(prefix).parent.name.startswith("trilith-environments-")) == ("42", True)
        assert "No module named" in tell(
            server, "plain", f"try: import {MODULE}\nexcept ImportError as error: print(error)"
        )
        assert "in processes of its own, not in threads" in server.log
    assert not Path(prefix).exists()
