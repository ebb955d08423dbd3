<?php
// Send messages to a stream, and let Symfony Messenger's worker handle them with a handler that does nothing; print the
// seconds that the worker took. benchmarks/peers/symfony.py starts it: php symfony_worker.php DSN MESSAGES JSON

use Symfony\Component\Messenger\Bridge\Redis\Transport\{Connection, RedisTransport};
use Symfony\Component\Messenger\{Envelope, MessageBus, Worker};
use Symfony\Component\Messenger\Handler\HandlersLocator;
use Symfony\Component\Messenger\Middleware\HandleMessageMiddleware;
use Symfony\Component\Messenger\Transport\Serialization\PhpSerializer;

require '/usr/share/php/Symfony/Component/Messenger/autoload.php';
require '/usr/share/php/Symfony/Component/Messenger/Bridge/Redis/autoload.php';

class TicketIssued
{
    public function __construct(public array $ticket)
    {
    }
}

[, $dsn, $messages, $json] = $argv;
$ticket = json_decode($json, true)['ticket'];
$connection = Connection::fromDsn($dsn, ['delete_after_ack' => true]);
$connection->cleanup();  // The stream of an earlier run.
$transport = new RedisTransport($connection, new PhpSerializer());
for ($number = 0; $number < $messages; ++$number) {
    $transport->send(new Envelope(new TicketIssued($ticket)));
}

$seen = 0;
$worker = null;
$handler = function (TicketIssued $message) use (&$seen, &$worker, $messages) {
    if (++$seen >= $messages) {
        $worker->stop();
    }
};
$bus = new MessageBus([new HandleMessageMiddleware(new HandlersLocator([TicketIssued::class => [$handler]]))]);
$worker = new Worker(['redis' => $transport], $bus);
$started = microtime(true);
$worker->run();
echo microtime(true) - $started;
$connection->cleanup();
