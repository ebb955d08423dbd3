"""Start the driver. The processes that it forks import this module too, so that it loads nothing for them."""

if __name__ == "__main__":
    from tests.faults.driver.command import main

    main()
