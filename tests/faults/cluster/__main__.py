"""Start the command. The processes that it forks import this module too, so that it loads nothing for them."""

if __name__ == "__main__":
    from tests.faults.cluster.command import main

    main()
